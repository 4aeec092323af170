// Components of views: each fetched once, when its view is opened or while the browser has nothing to do.

import { page, prefix } from "argus/api.js";
import { markRaw, shallowReactive } from "vue";

/** Components by the address of their module. */
export const loaded = shallowReactive(new Map());

const asked = new Map();

/** Takes a component that has been fetched. */
export function keep(module, component) {
  loaded.set(module, markRaw(component));
}

/** Fetches a component, once. */
export function loadPart(module) {
  if (loaded.has(module)) return Promise.resolve();
  if (!asked.has(module)) asked.set(module, fetchPart(module));
  return asked.get(module);
}

async function fetchPart(module) {
  try {
    keep(module, (await import(prefix + module)).default);
  } catch (error) {
    // The next one who needs it asks again.
    asked.delete(module);
    console.warn(`${module} could not be fetched: ${error.message}`);
  }
}

// Safari has no idle callbacks.
const whenIdle = window.requestIdleCallback ?? ((run) => setTimeout(run, 200));

/** Fetches the components of all views, one at a time, so that whatever is opened next is there. */
export function loadAllParts() {
  const waiting = [...page.modules];
  const next = () => {
    const module = waiting.shift();
    if (module) loadPart(module).then(() => whenIdle(next));
  };
  // What the first view still waits for comes first.
  if (document.readyState === "complete") whenIdle(next);
  else window.addEventListener("load", () => whenIdle(next), { once: true });
}
