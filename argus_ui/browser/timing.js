// Marks on the browser's own time line (User Timing), for benchmarks and for whoever opens its profiler.

/** The fleet is on the screen: called after a render, marks the frame that shows it. `heard`: it came as news. */
export function painted(fleet, heard = false) {
  // A snapshot bears the time its tick began.
  const detail = { revision: fleet.revision, published: fleet.published_at_ms + fleet.tick_ms, heard };
  // The frame callback comes before the paint; a task queued in it comes after.
  requestAnimationFrame(() => setTimeout(() => performance.mark("argus:painted", { detail })));
}

/** A view is on the screen. */
export function shown(view) {
  requestAnimationFrame(() => setTimeout(() => performance.mark("argus:shown", { detail: view })));
}
