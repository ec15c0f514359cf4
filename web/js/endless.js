// @ts-check
/** Endless scrolling: tells when the end of the page comes near. */

/** How far below the screen the end may lie, so that photos are there before the eye is. */
const MARGIN = "0px 0px 1200px 0px";

/**
 * @param {Element} end The element below everything.
 * @param {() => void} onNear
 */
export function createEndless(end, onNear) {
  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) onNear();
    },
    { rootMargin: MARGIN },
  );
  observer.observe(end);
  return {
    /** Look again: an end that is still near after a page came would not tell by itself. */
    lookAgain() {
      observer.unobserve(end);
      observer.observe(end);
    },
  };
}
