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
 * @param {(photoId: string) => void} parts.onPhoto Told the photo to see large there; empty for none.
 */
export function createNavigation({ snapshot, onArrive, onPhoto }) {
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
    const replaced = visits.get(current);
    visits.set(current, { query, snapshot: null, scrollY: 0 });
    freePicture(replaced);
    if (visits.size <= REMEMBERED) return;
    const [[oldest, visit]] = visits;
    visits.delete(oldest);
    freePicture(visit);
  }

  /** A picture that no visit shows any more need not be kept. @param {Visit<S> | undefined} visit */
  function freePicture(visit) {
    const picture = visit?.query.picture;
    if (!picture || [...visits.values()].some(({ query }) => query.picture === picture)) return;
    URL.revokeObjectURL(picture.url);
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
    // What is asked from a large photo takes the photo's place: Back leads to the results.
    if (replace || history.state?.photo) history.replaceState({ entry: current }, "", address);
    else history.pushState({ entry: current }, "", address);
  }

  /** A large photo is a step of its own above its results, so that Back closes it. @param {string} photo */
  function openPhoto(photo) {
    if (history.state?.photo) history.replaceState({ entry: current, photo }, "");
    else history.pushState({ entry: current, photo }, "");
  }

  function closePhoto() {
    if (history.state?.photo) history.back();
  }

  window.addEventListener("popstate", (event) => {
    const { entry = `${life}/${(count += 1)}`, photo = "" } = event.state ?? {};
    if (entry !== current) {
      leave();
      current = entry;
      const visit = visits.get(current) ?? { query: fromAddress(location.search), snapshot: null, scrollY: 0 };
      visits.set(current, visit);
      onArrive(visit);
    }
    onPhoto(photo);
  });

  return { go, openPhoto, closePhoto };
}
