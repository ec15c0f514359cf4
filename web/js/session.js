// @ts-check
/** The course of one search: asking, showing, asking for more, failing, trying again. No DOM here. */

import { EMPTY_QUERY, isEmpty } from "./query.js";
import { createLatest } from "./latest.js";

/** @typedef {import("./query.js").Query} Query */
/** @typedef {import("./api.js").Hit} Hit */
/** @typedef {import("./api.js").Page} Page */
/** @typedef {import("./api.js").Facets} Facets */

/**
 * @typedef {object} State
 * @property {"start" | "loading" | "results" | "nothing" | "error"} view
 * @property {Query} query
 * @property {Hit[]} hits
 * @property {number | null} next Offset of the next page; null at the end.
 * @property {Facets} facets Counts over the whole answer, of which the hits are the beginning.
 * @property {"" | "first" | "more"} busy Which page is awaited, if any.
 * @property {boolean} truncated
 * @property {number} tookMs
 * @property {any} error Why there is no answer, or no further page.
 */

/** Hits asked for at a time: some screens full. */
const PAGE_SIZE = 30;

/** @type {State} */
const START = {
  view: "start", query: EMPTY_QUERY, hits: [], next: null, facets: {},
  busy: "", truncated: false, tookMs: 0, error: null,
};

/**
 * @param {object} parts
 * @param {(query: Query, page: {k: number, offset: number, facets?: boolean, signal: AbortSignal}) => Promise<Page>} parts.search
 * @param {(state: State) => void} parts.onChange
 */
export function createSession({ search, onChange }) {
  const latest = createLatest();
  let state = START;

  /** @param {Partial<State>} change */
  function change(change) {
    state = { ...state, ...change };
    onChange(state);
  }

  /**
   * Answer a query from its first page; what is on the screen stays until the answer is there.
   * @param {Query} query
   */
  function ask(query) {
    if (isEmpty(query)) {
      latest.cancel();
      change({ ...START, query });
      return;
    }
    change({ query, busy: "first", view: state.view === "results" ? "results" : "loading" });
    latest.run((signal) => search(query, { k: PAGE_SIZE, offset: 0, facets: true, signal }), {
      done: ({ hits, next, facets, truncated, tookMs }) =>
        change({
          hits, next, facets, truncated, tookMs,
          busy: "", error: null, view: hits.length > 0 ? "results" : "nothing",
        }),
      failed: (error) => change({ hits: [], next: null, facets: {}, busy: "", error, view: "error" }),
    });
  }

  /** Ask for the next page, if there is one and nothing is under way. */
  function askForMore() {
    if (state.next === null || state.busy || state.view !== "results") return;
    const offset = state.next;
    change({ busy: "more", error: null });
    latest.run((signal) => search(state.query, { k: PAGE_SIZE, offset, signal }), {
      done: ({ hits, next }) => change({ hits: withoutTwins(state.hits, hits), next, busy: "" }),
      failed: (error) => change({ busy: "", error }),
    });
  }

  return {
    ask,
    askForMore,
    /** Say why nothing can be asked at all. @param {Error} error */
    fail(error) {
      latest.cancel();
      change({ ...START, query: state.query, error, view: "error" });
    },
    /** Bring back a state from before, without asking again. @param {State} earlier */
    restore(earlier) {
      latest.cancel();
      change({ ...earlier, busy: "" });
    },
    get state() {
      return state;
    },
  };
}

/**
 * An index that changes between two pages may send a photo again.
 * @param {Hit[]} shown
 * @param {Hit[]} more
 */
function withoutTwins(shown, more) {
  const ids = new Set(shown.map((hit) => hit.photo_id));
  return [...shown, ...more.filter((hit) => !ids.has(hit.photo_id))];
}
