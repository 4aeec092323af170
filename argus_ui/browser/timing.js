// Marks on the browser's own time line (User Timing), for benchmarks and for whoever opens its profiler.
import { onBeforeUnmount, watch } from "vue";

/** The fleet is on the screen: called after a render, marks the frame that shows it. `heard`: it came as news. */
export function painted(fleet, heard = false) {
  mark("argus:painted", { revision: fleet.revision, published: fleet.published_at_ms, heard });
}

// Parts of the view that have what they show.
let parts = 0;

/** Somebody goes to another view. */
export function leaving() {
  parts = 0;
  performance.mark("argus:navigate");
}

/**
 * A component says when it has what it is to show, and not a placeholder. When the last of the `of` parts of a view has
 * said so, the frame that shows it is marked.
 */
export function shownWhen(view, isReady, of = 1) {
  const stop = watch(
    isReady,
    (ready) => {
      if (!ready) return;
      queueMicrotask(() => stop());
      parts += 1;
      if (parts === of) mark("argus:shown", view);
    },
    { immediate: true, flush: "post" },
  );
  onBeforeUnmount(stop);
}

// The frame callback comes before the paint; a task queued in it comes after.
const mark = (name, detail) => requestAnimationFrame(() => setTimeout(() => performance.mark(name, { detail })));
