// @ts-check
/** The page's address and history. What an address cannot hold (pictures, answers, the scroll
 * position) is remembered per history entry for as long as the page lives. */

import { fromAddress, toAddress } from "./query.js";

/** @typedef {import("./query.js").Query} Query */

/**
 * @template S
 * @typedef {{query: Query, snapshot: S | null, scrollY: number}} Visit
 */

const REMEMBERED = 30;

/**
 * @template S
 * @param {object} parts
 * @param {() => S} parts.snapshot What to remember of the entry that is being left.
 * @param {(visit: Visit<S>) => void} parts.onArrive Called after back and forward.
 */
export function createNavigation({ snapshot, onArrive }) {
  /** @type {Map<string, Visit<S>>} */
  const visits = new Map();
  // A reload starts with an empty memory; its entries must not be taken for those from before.
  const life = String(performance.timeOrigin);
  let count = 0;
  let current = "";
  history.scrollRestoration = "manual";

  function leave() {
    const visit = visits.get(current);
    if (visit) Object.assign(visit, { snapshot: snapshot(), scrollY: window.scrollY });
  }

  /** @param {Query} query */
  function enter(query) {
    visits.set(current, { query, snapshot: null, scrollY: 0 });
    if (visits.size > REMEMBERED) visits.delete(visits.keys().next().value ?? "");
  }

  /**
   * Write the query into the address: as a new entry, or in place of the current one.
   * @param {Query} query
   * @param {{replace: boolean}} how
   */
  function go(query, { replace }) {
    if (!replace || !current) {
      leave();
      count += 1;
      current = `${life}/${count}`;
    }
    enter(query);
    const address = toAddress(query) || location.pathname;
    if (replace) history.replaceState({ entry: current }, "", address);
    else history.pushState({ entry: current }, "", address);
  }

  window.addEventListener("popstate", (event) => {
    leave();
    current = event.state?.entry ?? `${life}/${(count += 1)}`;
    const visit = visits.get(current) ?? { query: fromAddress(location.search), snapshot: null, scrollY: 0 };
    visits.set(current, visit);
    onArrive(visit);
  });

  return { go };
}
