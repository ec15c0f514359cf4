// @ts-check
/**
 * Signing in where config.json asks for it: authorization code with PKCE, by Cognito's endpoints. The
 * laptop's server asks for none, and all of this lets every call pass. Tokens live as long as the tab.
 */

import { challengeOf, randomWords } from "./pkce.js";

/** @typedef {{authority: string, clientId: string}} Provider */
/** @typedef {{access: string, refresh: string, endsAtMs: number}} Tokens */
/** @typedef {{state: string, verifier: string, address: string}} Pending A sign-in that was begun. */

const TOKENS = "photo-search.tokens";
const PENDING = "photo-search.sign-in";
const SIGNED_OUT = "photo-search.signed-out";
/** A token that ends sooner is renewed first: a clock may be wrong, and a call takes its time. */
const RENEW_BEFORE_MS = 60_000;
const UNAUTHORIZED = 401;
/** Where the provider sends people back to: it knows this very address. */
const HOME = new URL(".", document.baseURI).href;

/** Nobody is signed in, or it cannot be found out. */
export class SignInError extends Error {
  /**
   * @param {string} title
   * @param {{detail: string, canSignIn?: boolean, cause?: unknown}} more
   */
  constructor(title, { detail, canSignIn = true, cause }) {
    super(detail, { cause });
    this.title = title;
    this.detail = detail;
    /** Whether signing in would mend it, and not just another try. */
    this.canSignIn = canSignIn;
    this.status = 0;
    this.requestId = "";
  }
}

/** Null where nobody has to sign in. @type {Provider | null} */
let provider = null;
/** What came of the start; calls wait for it. @type {Promise<{asked: boolean, error: SignInError | null}>} */
let started = Promise.resolve({ asked: false, error: null });
/** A renewal under way, which all calls share. @type {Promise<string> | null} */
let renewing = null;

/**
 * Find out whether people sign in here, take in a sign-in that comes back, and begin one where there is none.
 * The address is that of a search again when this returns; what comes of it is told later. Never told
 * where the page is left for the provider's.
 * @returns {Promise<{asked: boolean, error: SignInError | null}>}
 */
export function start() {
  started = settle(takeReturn());
  return started;
}

/**
 * Call the API as the person who is signed in.
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
export async function signedFetch(path, options) {
  let { error } = await started;
  if (error && !error.canSignIn) ({ error } = await start());
  if (error) throw error;
  if (!provider) return fetch(path, options);
  const token = await accessToken();
  const response = await fetch(path, withToken(options, token));
  if (response.status !== UNAUTHORIZED) return response;
  // The token was revoked, or one of the clocks is wrong: a new one tells.
  const renewed = tokens()?.access;
  const another = renewed && renewed !== token ? renewed : await renew();
  const second = await fetch(path, withToken(options, another));
  if (second.status !== UNAUTHORIZED) return second;
  sessionStorage.removeItem(TOKENS);
  throw ended();
}

/** Leave for the provider's page; it sends people back to this search. */
export async function signIn() {
  const { authority, clientId } = /** @type {Provider} */ (provider);
  /** @type {Pending} */
  const pending = { state: randomWords(), verifier: randomWords(), address: location.pathname + location.search };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  location.assign(`${authority}/oauth2/authorize?${new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: HOME,
    scope: "openid",
    state: pending.state,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
  })}`);
}

/** Forget the tokens, here and at the provider. */
export function signOut() {
  const { authority, clientId } = /** @type {Provider} */ (provider);
  const body = new URLSearchParams({ token: tokens()?.refresh ?? "", client_id: clientId });
  sessionStorage.removeItem(TOKENS);
  sessionStorage.setItem(SIGNED_OUT, "yes");
  // Should it not arrive, the token ends by itself; nothing else can be done about it here.
  fetch(`${authority}/oauth2/revoke`, { method: "POST", body, mode: "no-cors", keepalive: true }).catch(() => {});
  location.assign(`${authority}/logout?${new URLSearchParams({ client_id: clientId, logout_uri: HOME })}`);
}

/** @typedef {{given: URLSearchParams, pending: Pending | null}} Return */

/**
 * Take the provider's answer out of the address, at once: nothing else shall see or keep it.
 * @returns {Return | null} Null where this is no return.
 */
function takeReturn() {
  const given = new URLSearchParams(location.search);
  if (!given.has("state") || !(given.has("code") || given.has("error"))) return null;
  /** @type {Pending | null} */
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  history.replaceState(null, "", pending?.address ?? location.pathname);
  return { given, pending };
}

/** @param {Return | null} returned */
async function settle(returned) {
  try {
    provider = await readProvider();
    if (!provider) return { asked: false, error: null };
    if (returned) await finish(returned);
    else if (!tokens()) await begin();
    return { asked: true, error: null };
  } catch (error) {
    if (!(error instanceof SignInError)) throw error;
    return { asked: tokens() !== null, error };
  }
}

/** @returns {Promise<Provider | null>} */
async function readProvider() {
  let config;
  try {
    const response = await fetch("config.json");
    // A site without this file asks nobody to sign in.
    config = response.ok ? await response.json() : { auth: "none" };
  } catch (cause) {
    throw new SignInError("The page cannot be set up", {
      detail: "Its config.json did not come or cannot be read. Load the page again.", canSignIn: false, cause,
    });
  }
  if (config?.auth === "none") return null;
  const authority = URL.canParse(config?.authority) ? new URL(config.authority) : null;
  if (config?.auth === "jwt" && authority?.protocol === "https:" && config.client_id) {
    return { authority: authority.origin, clientId: config.client_id };
  }
  throw new SignInError("The page cannot be set up", {
    detail: "Its config.json names no way to sign in that this page knows.", canSignIn: false,
  });
}

/** @returns {Promise<void>} Pending for good where the page is left. */
async function begin() {
  if (sessionStorage.getItem(SIGNED_OUT)) {
    sessionStorage.removeItem(SIGNED_OUT);
    throw new SignInError("You are signed out", { detail: "Sign in to search the photos." });
  }
  await signIn();
  return new Promise(() => {});
}

/** @param {Return} returned */
async function finish({ given, pending }) {
  if (!pending || pending.state !== given.get("state")) {
    throw new SignInError("The sign-in could not be finished", {
      detail: "It was not begun in this tab, or is over already. Please sign in once more.",
    });
  }
  const refused = given.get("error");
  if (refused) {
    throw new SignInError("You are not signed in", { detail: given.get("error_description") || refused });
  }
  await askForTokens({
    grant_type: "authorization_code",
    code: given.get("code") ?? "",
    redirect_uri: HOME,
    code_verifier: pending.verifier,
  });
}

/** @returns {Promise<string>} */
async function accessToken() {
  const kept = tokens();
  if (!kept) throw ended();
  return kept.endsAtMs - Date.now() > RENEW_BEFORE_MS ? kept.access : renew();
}

/** @returns {Promise<string>} The new access token. */
function renew() {
  renewing ??= askForTokens({ grant_type: "refresh_token", refresh_token: tokens()?.refresh ?? "" })
    .finally(() => (renewing = null));
  return renewing;
}

/**
 * @param {Record<string, string>} fields
 * @returns {Promise<string>} The access token; all of them are kept.
 */
async function askForTokens(fields) {
  const { authority, clientId } = /** @type {Provider} */ (provider);
  const body = new URLSearchParams({ ...fields, client_id: clientId });
  const isRenewal = fields.grant_type === "refresh_token";
  let response;
  try {
    response = await fetch(`${authority}/oauth2/token`, { method: "POST", body });
  } catch (cause) {
    throw new SignInError("The sign-in service cannot be reached", {
      detail: "Check the connection and try again.", canSignIn: !isRenewal, cause,
    });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && answer.access_token) {
    // A renewal may leave the refresh token as it is, and then does not repeat it.
    const refresh = answer.refresh_token ?? fields.refresh_token ?? "";
    /** @type {Tokens} */
    const kept = { access: answer.access_token, refresh, endsAtMs: Date.now() + answer.expires_in * 1000 };
    sessionStorage.setItem(TOKENS, JSON.stringify(kept));
    return kept.access;
  }
  const passing = response.status >= 500 || response.status === 429;
  if (isRenewal && !passing) {
    sessionStorage.removeItem(TOKENS);
    throw ended();
  }
  throw new SignInError("The sign-in failed", {
    detail: answer.error_description || answer.error || `The sign-in service answered with status ${response.status}.`,
    canSignIn: !isRenewal,
  });
}

function ended() {
  return new SignInError("Your sign-in has ended", { detail: "Sign in again to go on with this search." });
}

/** @returns {Tokens | null} */
function tokens() {
  return JSON.parse(sessionStorage.getItem(TOKENS) ?? "null");
}

/**
 * @param {RequestInit} options
 * @param {string} token
 * @returns {RequestInit}
 */
function withToken(options, token) {
  return { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } };
}
