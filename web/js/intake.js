// @ts-check
/** The three ways in which a picture gets onto the page: chosen, pasted, dropped. */

/**
 * @param {object} parts
 * @param {HTMLElement} parts.button
 * @param {HTMLInputElement} parts.input The file input behind the button.
 * @param {HTMLElement} parts.curtain Shown while a file is dragged over the page.
 * @param {(file: File) => void} parts.onFile
 */
export function listenForPictures({ button, input, curtain, onFile }) {
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) onFile(file);
    // The same file chosen again is a change again.
    input.value = "";
  });

  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });

  const bringsFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragenter", (event) => {
    if (bringsFile(event)) curtain.hidden = false;
  });
  document.addEventListener("dragover", (event) => {
    if (bringsFile(event)) event.preventDefault();
  });
  document.addEventListener("dragleave", (event) => {
    // Leaving for nowhere is leaving the window.
    if (!event.relatedTarget) curtain.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    curtain.hidden = true;
    if (!bringsFile(event)) return;
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
  });
}
