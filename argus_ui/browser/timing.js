// Marks on the browser's own time line (User Timing), for benchmarks and for whoever opens its profiler.

/** The fleet is on the screen: called after a render, marks the frame that shows it. */
export function painted(fleet) {
  requestAnimationFrame(() =>
    // The frame callback comes before the paint; a task queued in it comes after.
    setTimeout(() => performance.mark("argus:painted", { detail: { revision: fleet.revision, published: fleet.published_at_ms } })),
  );
}

/** A view is on the screen. */
export function shown(view) {
  requestAnimationFrame(() => setTimeout(() => performance.mark("argus:shown", { detail: view })));
}
