// @ts-check
/** Says in words how the search stands: to eyes, and to screen readers once things are quiet. */

import { WINDOW } from "./api.js";
import { filtersOf, modeOf } from "./query.js";

/** @typedef {import("./session.js").State} State */

/** A person who types does not want every intermediate count read out. */
const QUIET_MS = 500;

/**
 * @typedef {object} Actions What the messages offer to do.
 * @property {() => void} onRetry
 * @property {() => void} onSignIn
 * @property {() => void} onDropFilters
 * @property {() => void} onDropMode
 * @property {() => void} onDropPhoto
 */

/**
 * @param {Actions & {onRetryMore: () => void}} on
 */
export function createReport({ onRetryMore, ...actions }) {
  const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const action = find("message-action");
  /** @type {() => void} */
  let act = actions.onRetry;
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
      find("heading").textContent = subjectOf(state);
      find("heading").hidden = state.view === "start";
      find("summary").textContent = summaryOf(state);
      showMessage(messageOf(state, actions));
      const failedMore = state.view === "results" && state.error !== null && !state.busy;
      find("end-text").textContent = failedMore
        ? `The next photos did not come: ${state.error.message}`
        : state.view === "results" && state.next === null && !state.busy ? lastWord(state) : "";
      find("end-retry").hidden = !failedMore;
      if (!state.busy) announce(failedMore ? find("end-text").textContent ?? "" : spoken(state));
    },
    announce,
  };
}

/** @param {State} state */
function titleOf(state) {
  return state.view === "start" ? "Photo search" : `${subjectOf(state)} – Photo search`;
}

/** @param {State} state */
function subjectOf({ query }) {
  return query.text.trim() || "Similar photos";
}

/** A search ends with its window, whatever more there is. @param {State} state */
function isWindowFull({ hits, next }) {
  return next === null && hits.length >= WINDOW;
}

/** @param {State} state */
function lastWord(state) {
  return isWindowFull(state) ? "These are the best 1,000. More words may find others." : "That is all.";
}

/** @param {State} state */
function countOf(state) {
  const { hits, next } = state;
  if (isWindowFull(state)) return "best 1,000 photos";
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
  if (isWindowFull(state)) return `The best 1,000 photos.${cut}`;
  return `${state.hits.length} ${state.hits.length === 1 ? "photo" : "photos"}${more}.${cut}`;
}

/**
 * @param {State} state
 * @param {Actions} on
 */
function messageOf({ view, query, error }, { onRetry, onSignIn, onDropFilters, onDropMode, onDropPhoto }) {
  if (view === "error" && error.canSignIn) {
    return { title: error.title, detail: error.detail, button: "Sign in", onClick: onSignIn };
  }
  if (view === "error") {
    // A link may name a photo that is no longer there; asking again would not bring it back.
    const lost = error.status === 404 && query.photoId !== "";
    return {
      title: error.title ?? "The search failed",
      detail: error.detail ?? "Something on this page went wrong.",
      reference: error.requestId ? `Request ${error.requestId}` : "",
      button: lost ? "Search without the photo" : "Try again",
      onClick: lost ? onDropPhoto : onRetry,
    };
  }
  if (view === "nothing") {
    const title = "No photo found";
    if (Object.keys(filtersOf(query)).length > 0) {
      const detail = "None fits the search and the filters together.";
      return { title, detail, button: "Search without filters", onClick: onDropFilters };
    }
    if (modeOf(query) === "keyword") {
      const detail = "No description, keyword, place or photographer has all of these words.";
      return { title, detail, button: "Search by meaning", onClick: onDropMode };
    }
    const detail = "The collection has nothing to show for this search.";
    return { title, detail, button: "", onClick: onDropFilters };
  }
  return null;
}
