// @ts-check
/** The HTTP API. */

import { FILTERS, filtersOf, modeOf } from "./query.js";
import { SignInError, signedFetch } from "./sign_in.js";

/** @typedef {import("./query.js").Query} Query */
/** @typedef {import("./query.js").Filter} Filter */

/** @typedef {Partial<Record<Filter, {value: string, count: number}[]>>} Facets Counts of photos, the commonest value first. */

/**
 * @typedef {object} Hit
 * @property {string} photo_id
 * @property {number} score
 * @property {number | null} cosine
 * @property {number} width
 * @property {number} height
 * @property {string} blur_hash
 * @property {string} description
 * @property {string} [path] Where in its folder a photo of one's own lies; empty for others.
 * @property {string} image_url
 * @property {string} thumbnail_url
 * @property {string} page_url
 * @property {{text: string, html: string}} attribution
 */

/**
 * @typedef {object} Page One page of an answer.
 * @property {Hit[]} hits
 * @property {number | null} next Offset of the page that follows.
 * @property {Facets} facets Empty where none were asked for.
 * @property {boolean} truncated Whether the model read only the beginning of the text.
 * @property {number} tookMs Time the server needed.
 * @property {number} latencyMs Time from asking to answer, the server's own included.
 */

/** The server said no, or could not be reached (status 0). */
export class ApiError extends Error {
  /**
   * @param {string} title
   * @param {{detail?: string, status?: number, requestId?: string, cause?: unknown}} [more]
   */
  constructor(title, { detail = "", status = 0, requestId = "", cause } = {}) {
    super(detail || title, { cause });
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.requestId = requestId;
  }
}

/** The ranked window of one query: no page reaches beyond it. */
export const WINDOW = 1000;

/**
 * Ask for one page of hits.
 * @param {Query} query
 * @param {{k: number, offset?: number, facets?: boolean, signal?: AbortSignal}} page
 * @returns {Promise<Page>}
 */
export async function searchPhotos(query, { k, offset = 0, facets = false, signal }) {
  const asked = { k: Math.min(k, WINDOW - offset), offset, ...(facets && { facets: FILTERS }) };
  const startMs = performance.now();
  const answer = query.picture
    ? await send("search", { method: "POST", signal, ...(await picturedBody(query, asked)) })
    : await send(`search?${wordsOnly(query, asked)}`, { signal });
  return {
    hits: answer.hits,
    next: answer.next,
    facets: answer.facets ?? {},
    truncated: answer.query?.truncated ?? false,
    tookMs: answer.took_ms.total,
    latencyMs: performance.now() - startMs,
  };
}

/**
 * Look one photo up, with all that is known of it.
 * @param {string} photoId
 * @param {AbortSignal} [signal]
 * @returns {Promise<Hit & Record<string, any>>}
 */
export function findPhoto(photoId, signal) {
  return send(`photos/${encodeURIComponent(photoId)}`, { signal });
}

/**
 * Ask which model answers.
 * @returns {Promise<{checkpoint: string}>}
 */
export async function findModel() {
  return (await send("healthz", {})).model;
}

/** @typedef {{k: number, offset: number, facets?: readonly Filter[]}} Asked Which page, in the API's names. */

/**
 * A query without a picture of one's own is a GET: it can be cached and shared.
 * @param {Query} query
 * @param {Asked} asked
 */
function wordsOnly(query, asked) {
  const mode = modeOf(query);
  return new URLSearchParams({
    k: String(asked.k),
    offset: String(asked.offset),
    ...(query.text.trim() && { q: query.text.trim() }),
    ...(query.photoId && { photo_id: query.photoId }),
    ...(mode && { mode }),
    ...filtersOf(query),
    ...(asked.facets && { facets: asked.facets.join(",") }),
  });
}

/**
 * @param {Query} query
 * @param {Asked} asked
 */
async function picturedBody(query, asked) {
  const mode = modeOf(query);
  const filters = filtersOf(query);
  const body = {
    image: await base64(/** @type {import("./query.js").Picture} */ (query.picture).blob),
    ...(query.text.trim() && { text: query.text.trim() }),
    ...(query.photoId && { photo_id: query.photoId }),
    ...(mode && { mode }),
    ...(Object.keys(filters).length > 0 && { filters }),
    ...asked,
  };
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/**
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1]);
    reader.onerror = () => reject(new ApiError("The picture cannot be read", { cause: reader.error }));
    reader.readAsDataURL(blob);
  });
}

/**
 * @param {string} path Relative to the page, so that the page may live below any prefix.
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function send(path, options) {
  let response;
  try {
    response = await signedFetch(path, options);
  } catch (cause) {
    if (options.signal?.aborted || cause instanceof SignInError) throw cause;
    throw new ApiError("The server cannot be reached", {
      detail: "Check the connection, and that the server is running.",
      cause,
    });
  }
  if (response.ok) return response.json();
  throw await problemOf(response);
}

/**
 * Read problem details (RFC 9457); a proxy in between may answer anything else.
 * @param {Response} response
 */
async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  return new ApiError(problem.title || "The search failed", {
    detail: problem.detail || `The server answered with status ${response.status}.`,
    status: response.status,
    requestId: problem.request_id ?? "",
  });
}
