// @ts-check
/** Joins the parts of the page. */

import { findModel, findPhoto, searchPhotos } from "./api.js";
import { createEndless } from "./endless.js";
import { createFacets } from "./facets.js";
import { createGallery } from "./gallery.js";
import { listenForPictures } from "./intake.js";
import { createLatest } from "./latest.js";
import { createLightbox } from "./lightbox.js";
import { createNavigation } from "./navigation.js";
import { createPace } from "./pace.js";
import { PictureError, preparePicture } from "./picture.js";
import { EMPTY_QUERY, fromAddress, isSame, withoutFilters } from "./query.js";
import { createReport } from "./report.js";
import { createSearchBox } from "./searchbox.js";
import { createSession } from "./session.js";
import { signIn, signOut, start } from "./sign_in.js";
import { createSuggestions } from "./suggestions.js";

/** @typedef {import("./api.js").Hit} Hit */
/** @typedef {import("./query.js").Query} Query */

const PICTURE_IN_USE = "The picture stays on this page: a link to this search holds only the words and filters.";
const PICTURE_LOST = "This search was made with a picture, which a link cannot hold. Add the picture again to see the same photos.";

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

const pace = createPace();
/** Photos seen so far, to show the one that others shall resemble. @type {Map<string, Hit>} */
const seen = new Map();
/** Whether the first photo shall get the focus when the answer is there. */
let focusFirst = false;
/** Keystrokes of one bout of typing share a history entry. */
let typing = false;

/** @type {typeof searchPhotos} */
async function search(query, page) {
  const answer = await searchPhotos(query, page);
  // What the server itself took says nothing of how far away it is.
  if (!query.picture) pace.record(answer.latencyMs - answer.tookMs);
  for (const hit of answer.hits) seen.set(hit.photo_id, hit);
  return answer;
}

/** Of pictures given quickly the last one counts, whichever is ready first. */
const preparing = createLatest();
const session = createSession({ search, onChange: show });
const navigation = createNavigation({ snapshot: () => session.state, onArrive: arrive, onPhoto: showPhoto });
const report = createReport({
  onRetry: () => session.ask(session.state.query),
  onSignIn: signIn,
  onRetryMore: () => session.askForMore(),
  onDropFilters: () => ask(withoutFilters(session.state.query)),
  onDropMode: () => ask({ ...session.state.query, mode: "" }),
  onDropPhoto: () => ask({ ...session.state.query, photoId: "" }),
});
const box = createSearchBox({
  onType: () => pace.schedule(() => {
    typing = ask(written(), { replace: typing }) || typing;
  }),
  onSettle: () => {
    pace.cancel();
    ask(written(), { replace: typing });
    typing = false;
  },
  onFilter: () => ask(written()),
  onMode: (mode) => ask({ ...written(), mode }),
  onClear: () => {
    ask({ ...written(), text: "" });
    box.focus();
  },
  onRemoveReference: () => {
    ask({ ...written(), photoId: "", picture: null, pictureLost: false });
    box.focus();
  },
  onDown: () => gallery.focus(0),
});
const facets = createFacets(find("facets"), {
  onChoose: (filter, value) => ask({ ...written(), [filter]: value }),
});
const gallery = createGallery(find("gallery"), {
  onOpen: ({ photo_id }) => {
    navigation.openPhoto(photo_id);
    showPhoto(photo_id);
  },
  onLike: moreLike,
  onEscape: () => box.focus(),
});
const lightbox = createLightbox({
  findPhoto,
  onLike: moreLike,
  onClose: (hit) => {
    navigation.closePhoto();
    if (hit) gallery.focus(session.state.hits.indexOf(hit));
  },
  onNearEnd: () => session.askForMore(),
});
const suggestions = createSuggestions(find("suggestions"), {
  findModel,
  search,
  onChoose: (text) => startOver({ text }),
});
const endless = createEndless(find("end"), () => {
  if (!session.state.error) session.askForMore();
});
listenForPictures({
  button: find("choose"),
  input: /** @type {HTMLInputElement} */ (find("file")),
  curtain: find("drop"),
  onFile: searchByFile,
});

/** The query as the form says it, with the picture that is in use. */
function written() {
  return { ...session.state.query, ...box.read(), pictureLost: false };
}

/**
 * Search, and write the search into the address.
 * @param {Query} query
 * @param {{replace: boolean}} [how]
 * @returns {boolean} Whether this is another search than the one on the screen.
 */
function ask(query, { replace } = { replace: false }) {
  pace.cancel();
  if (isSame(query, session.state.query) && session.state.view !== "error") return false;
  if (!replace) typing = false;
  focusFirst = false;
  box.write(query);
  navigation.go(query, { replace });
  session.ask(query);
  window.scrollTo(0, 0);
  return true;
}

/** Ask this and nothing else. @param {Partial<Query>} query */
function startOver(query) {
  preparing.cancel();
  return ask({ ...EMPTY_QUERY, ...query });
}

/** @param {Hit} hit */
function moreLike(hit) {
  // The focus goes to the answer, not to the search box: on a phone that would call the keyboard.
  focusFirst = startOver({ photoId: hit.photo_id });
}

/** @param {File} file */
function searchByFile(file) {
  report.announce("Preparing the picture");
  preparing.run(() => preparePicture(file), {
    done: (blob) => {
      const picture = { blob, url: URL.createObjectURL(blob) };
      ask({ ...written(), photoId: "", picture, pictureLost: false });
    },
    failed: (error) => {
      if (!(error instanceof PictureError)) throw error;
      box.showNote(error.message);
      report.announce(error.message);
    },
  });
}

/** @param {import("./navigation.js").Visit<import("./session.js").State>} visit */
function arrive({ query, snapshot, scrollY }) {
  typing = false;
  preparing.cancel();
  lightbox.close();
  box.write(query);
  if (!snapshot || snapshot.view === "loading" || snapshot.view === "error") return session.ask(query);
  session.restore(snapshot);
  window.scrollTo(0, scrollY);
}

/** @param {string} photoId Empty for none. */
function showPhoto(photoId) {
  const { hits } = session.state;
  const index = hits.findIndex((hit) => hit.photo_id === photoId);
  if (index < 0) lightbox.close();
  else lightbox.open(hits, index);
}

/** @param {import("./session.js").State} state */
function show(state) {
  showReference(state.query);
  report.show(state);
  facets.show(state);
  gallery.show(state.hits);
  lightbox.refresh(state.hits);
  endless.lookAgain();
  if (state.view === "start") suggestions.show();
  else suggestions.pause();
  if (focusFirst && state.view === "results" && !state.busy) {
    focusFirst = false;
    // The photo may still be gliding to its place, and the page must not follow it.
    gallery.focus(0, { preventScroll: true });
  }
}

/** @param {Query} query */
function showReference({ picture, photoId, pictureLost }) {
  box.showNote(picture ? PICTURE_IN_USE : pictureLost ? PICTURE_LOST : "");
  if (picture) return box.showReference({ url: picture.url, label: "Your picture" });
  if (!photoId) return box.showReference(null);
  box.showReference({ url: seen.get(photoId)?.thumbnail_url ?? "", label: "Like this" });
  if (seen.has(photoId)) return;
  // A shared address names the photo only.
  findPhoto(photoId).then((photo) => {
    seen.set(photoId, photo);
    if (session.state.query.photoId === photoId) showReference(session.state.query);
  }, () => {});
}

find("home").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  startOver({});
});

find("sign-out").addEventListener("click", signOut);
// Before the address is read: a sign-in that comes back is taken out of it.
start().then(({ asked, error }) => {
  find("sign-out").hidden = !asked;
  // Every search says so itself; the start page has none.
  if (error && session.state.view === "start") session.fail(error);
});

const first = fromAddress(location.search);
box.write(first);
navigation.go(first, { replace: true });
session.ask(first);
