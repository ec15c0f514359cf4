// @ts-check
/** Only the newest request counts: older ones are aborted, and their late answers dropped. */

/**
 * Make a gate that lets one task's outcome through at a time.
 */
export function createLatest() {
  let turn = 0;
  let controller = new AbortController();

  /** Abort what is under way. */
  function cancel() {
    turn += 1;
    controller.abort();
    controller = new AbortController();
  }

  /**
   * Run a task; its outcome is delivered only if no newer task or `cancel` came in between.
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} task
   * @param {{done: (value: T) => void, failed: (error: unknown) => void}} outcome
   */
  async function run(task, { done, failed }) {
    cancel();
    const mine = turn;
    let value;
    try {
      value = await task(controller.signal);
    } catch (error) {
      if (mine === turn) failed(error);
      return;
    }
    // An abort can come too late to stop an answer that has already arrived.
    if (mine === turn) done(value);
  }

  return { run, cancel };
}
