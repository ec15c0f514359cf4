// @ts-check
/** How long to wait for the next keystroke: briefly for a near server, longer for a far one. */

const SHORTEST_MS = 120;
const LONGEST_MS = 500;
/** Weight of the newest measurement in the running mean. */
const NEWEST = 0.3;

/**
 * Make a debouncer that learns from the latencies it is told.
 */
export function createPace() {
  let latencyMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  return {
    /** Run the task after a pause in which nobody asks again. @param {() => void} task */
    schedule(task) {
      clearTimeout(timer);
      timer = setTimeout(task, this.waitMs);
    },
    /** Forget the scheduled task. */
    cancel() {
      clearTimeout(timer);
    },
    /** Learn from one answer. @param {number} measuredMs */
    record(measuredMs) {
      latencyMs = latencyMs ? latencyMs + NEWEST * (measuredMs - latencyMs) : measuredMs;
    },
    /** The pause to wait for: a request takes about as long as a far server takes to answer. */
    get waitMs() {
      return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, latencyMs));
    },
  };
}
