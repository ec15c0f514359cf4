// @ts-check
/** What the photos of an answer have in common: chips to narrow the search by, each with its count,
 * and the counts behind the orientations and colours. */

/** @typedef {import("./query.js").Filter} Filter */
/** @typedef {import("./session.js").State} State */
/** @typedef {{value: string, count: number}[]} Counts */

/** @type {[Filter, string][]} */
const CHIP_GROUPS = [["country", "Country"], ["photographer", "Photographer"], ["camera", "Camera"]];
/** @type {Filter[]} */
const CONTROLS = ["orientation", "colour"];
/** More values than these are no choice at a glance. */
const CHIPS_OF_A_GROUP = 6;

/**
 * @param {HTMLElement} row
 * @param {object} on
 * @param {(filter: Filter, value: string) => void} on.onChoose Told an empty value to drop the filter.
 */
export function createFacets(row, { onChoose }) {
  const groups = CHIP_GROUPS.map(([name, title]) => createGroup(title, {
    name,
    onChoose: (value) => onChoose(name, value),
  }));
  row.replaceChildren(...groups.map(({ element }) => element));

  return {
    /** @param {State} state */
    show({ query, facets }) {
      const before = row.querySelectorAll("[aria-pressed=true]").length;
      for (const group of groups) group.show(facets[group.name] ?? [], query[group.name]);
      // Groups that are filtered by come first where the row scrolls.
      if (row.querySelectorAll("[aria-pressed=true]").length !== before) row.scrollLeft = 0;
      // Once there, the row keeps its place: the photos below must not jump while one types.
      if (groups.some(({ element }) => !element.hidden)) row.hidden = false;
      for (const name of CONTROLS) showCounts(name, facets[name] ?? [], query[name]);
    },
  };
}

/**
 * @param {string} title
 * @param {{name: Filter, onChoose: (value: string) => void}} parts
 */
function createGroup(title, { name, onChoose }) {
  const element = document.createElement("div");
  element.className = "facet";
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", title);
  element.hidden = true;
  /** @type {Counts} */
  let shown = [];
  let chosen = "";
  // Where there is no room for all, whole chips are cut off: no key shall lead to what is not seen.
  const cut = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting && target === document.activeElement) element.querySelector("button")?.focus();
      /** @type {HTMLElement} */ (target).inert = !isIntersecting;
    }
  }, { root: element });

  /** @param {HTMLButtonElement[]} chips */
  function replace(chips) {
    const focused = document.activeElement;
    const lost = focused instanceof HTMLElement && element.contains(focused) ? focused.dataset.value : undefined;
    cut.disconnect();
    const [first, ...others] = chips;
    element.replaceChildren(...(first ? [lead(title, first)] : []), ...others);
    for (const chip of chips) cut.observe(chip);
    if (lost === undefined) return;
    (chips.find((chip) => chip.dataset.value === lost) ?? chips[0])?.focus({ preventScroll: true });
  }

  return {
    name,
    element,
    /** @param {Counts} counts @param {string} value The one that is filtered by, if any. */
    show(counts, value) {
      if (counts === shown && value === chosen) return;
      [shown, chosen] = [counts, value];
      const some = counts.slice(0, CHIPS_OF_A_GROUP);
      const isChosen = (/** @type {string} */ one) => one.toLowerCase() === value.toLowerCase();
      const chips = some.map((one) => createChip(one, { pressed: isChosen(one.value), onChoose }));
      // The way back stays, whatever the answer has.
      if (value && !some.some((one) => isChosen(one.value))) {
        chips.unshift(createChip({ value, count: null }, { pressed: true, onChoose }));
      }
      element.hidden = chips.length === 0;
      replace(chips);
    },
  };
}

/** The group's title and its first chip, which stay together. @param {string} title @param {HTMLElement} chip */
function lead(title, chip) {
  const lead = Object.assign(document.createElement("span"), { className: "facet-lead" });
  const label = Object.assign(document.createElement("span"), { textContent: title });
  label.setAttribute("aria-hidden", "true");
  lead.append(label, chip);
  return lead;
}

/**
 * @param {{value: string, count: number | null}} what
 * @param {{pressed: boolean, onChoose: (value: string) => void}} parts
 */
function createChip({ value, count }, { pressed, onChoose }) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "chip";
  chip.dataset.value = value;
  chip.title = value;
  chip.setAttribute("aria-pressed", String(pressed));
  chip.setAttribute("aria-label", count === null ? value : `${value}, ${photos(count)}`);
  chip.append(Object.assign(document.createElement("b"), { textContent: value }));
  if (pressed) chip.append(closeIcon());
  else if (count !== null) chip.append(Object.assign(document.createElement("i"), { textContent: count.toLocaleString("en") }));
  chip.addEventListener("click", () => onChoose(pressed ? "" : value));
  return chip;
}

function closeIcon() {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#icon-close");
  icon.append(use);
  return icon;
}

/**
 * Say how many photos each choice has, and dim those that have none. A filter that binds has made
 * its own counts say nothing of the other choices.
 * @param {Filter} name
 * @param {Counts} counts
 * @param {string} chosen
 */
function showCounts(name, counts, chosen) {
  const known = counts.length > 0 && !chosen;
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(`#filters [name=${name}]`))) {
    const label = /** @type {HTMLElement} */ (input.closest("label"));
    const count = counts.find(({ value }) => value === input.value)?.count ?? 0;
    const told = known && input.value !== "";
    label.classList.toggle("without", told && count === 0);
    if (told) input.title = `${label.textContent?.trim()}: ${photos(count)}`;
    else input.removeAttribute("title");
  }
}

/** @param {number} count */
function photos(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "photo" : "photos"}`;
}
