// @ts-check
/** Says in words how the search stands: to eyes, and to screen readers once things are quiet. */

import { toAddress } from "./query.js";

/** @typedef {import("./session.js").State} State */

/** A person who types does not want every intermediate count read out. */
const QUIET_MS = 500;

/**
 * @param {{onRetry: () => void, onDropFilters: () => void, onRetryMore: () => void}} on
 */
export function createReport({ onRetry, onDropFilters, onRetryMore }) {
  const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const action = find("message-action");
  /** @type {() => void} */
  let act = onRetry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let quiet;
  action.addEventListener("click", () => act());
  find("end-retry").addEventListener("click", onRetryMore);

  /** @param {string} words */
  function announce(words) {
    clearTimeout(quiet);
    quiet = setTimeout(() => (find("announcement").textContent = words), QUIET_MS);
  }

  /**
   * @param {{title: string, detail: string, reference?: string, button: string, onClick: () => void} | null} message
   */
  function showMessage(message) {
    find("message").hidden = !message;
    if (!message) return;
    find("message-title").textContent = message.title;
    find("message-detail").textContent = message.detail;
    find("message-reference").textContent = message.reference ?? "";
    action.textContent = message.button;
    action.hidden = !message.button;
    act = message.onClick;
  }

  return {
    /** @param {State} state */
    show(state) {
      document.body.dataset.view = state.view;
      document.body.dataset.busy = state.busy;
      find("main").setAttribute("aria-busy", String(state.busy !== ""));
      document.title = titleOf(state);
      find("summary").textContent = summaryOf(state);
      showMessage(messageOf(state, { onRetry, onDropFilters }));
      const failedMore = state.view === "results" && state.error !== null && !state.busy;
      find("end-text").textContent = failedMore
        ? `The next photos did not come: ${state.error.message}`
        : state.view === "results" && state.next === null && !state.busy ? "That is all." : "";
      find("end-retry").hidden = !failedMore;
      if (!state.busy) announce(failedMore ? find("end-text").textContent ?? "" : spoken(state));
    },
    announce,
  };
}

/** @param {State} state */
function titleOf({ query, view }) {
  const subject = query.text.trim() || (query.photoId || query.picture ? "Similar photos" : "");
  return view === "start" || !subject ? "Photo search" : `${subject} – Photo search`;
}

/** @param {State} state */
function countOf({ hits, next }) {
  return `${hits.length}${next === null ? "" : "+"} ${hits.length === 1 ? "photo" : "photos"}`;
}

/** @param {State} state */
function summaryOf(state) {
  if (state.view !== "results" || state.hits.length === 0) return "";
  const took = state.tookMs < 10 ? state.tookMs.toFixed(1) : Math.round(state.tookMs).toString();
  return `${countOf(state)} · ${took} ms${state.truncated ? " · only the first words were read" : ""}`;
}

/** @param {State} state */
function spoken(state) {
  if (state.view === "error") return `${state.error.title}. ${state.error.detail}`;
  if (state.view === "nothing") return "No photo found";
  if (state.view !== "results") return "";
  const more = state.next === null ? "" : ", more as you go on";
  const cut = state.truncated ? " Only the first words of the search were read." : "";
  return `${state.hits.length} ${state.hits.length === 1 ? "photo" : "photos"}${more}.${cut}`;
}

/**
 * @param {State} state
 * @param {{onRetry: () => void, onDropFilters: () => void}} on
 */
function messageOf({ view, query, error }, { onRetry, onDropFilters }) {
  if (view === "error") {
    return {
      title: error.title ?? "The search failed",
      detail: error.detail ?? "Something on this page went wrong.",
      reference: error.requestId ? `Request ${error.requestId}` : "",
      button: "Try again",
      onClick: onRetry,
    };
  }
  if (view === "nothing") {
    const filtered = toAddress({ ...query, orientation: "", colour: "" }) !== toAddress(query);
    return {
      title: "No photo found",
      detail: filtered
        ? "None fits the search and the filters together."
        : "The collection has nothing to show for this search.",
      button: filtered ? "Search without filters" : "",
      onClick: onDropFilters,
    };
  }
  return null;
}
