// @ts-check
/** The photographer's credit, built anew from the API's markup: text and https links, nothing else. */

/**
 * Fill an element with a credit.
 * @param {Element} target
 * @param {{text: string, html: string}} attribution
 */
export function showCredit(target, attribution) {
  // A parsed document is inert: no script runs and no picture loads in it.
  const parsed = new DOMParser().parseFromString(attribution.html, "text/html");
  target.replaceChildren(...harmless(parsed.body));
}

/**
 * @param {Node} parent
 * @returns {Node[]}
 */
function harmless(parent) {
  return Array.from(parent.childNodes).flatMap((node) => {
    if (node instanceof Text) return [document.createTextNode(node.data)];
    if (!(node instanceof HTMLElement) || node.matches("script, style, template")) return [];
    const address = node instanceof HTMLAnchorElement ? node.getAttribute("href") ?? "" : "";
    if (!address.startsWith("https://")) return harmless(node);
    const link = document.createElement("a");
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener";
    link.append(...harmless(node));
    return [link];
  });
}
