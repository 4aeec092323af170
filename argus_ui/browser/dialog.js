// What lies over the page: it has the keyboard while it is open, and gives the focus back.
import { holdKeys } from "argus/keys.js";

const open = new WeakMap();
const stack = [];

/** `v-dialog="{ close, keys }"`: Escape and `keys` close it. */
export const vDialog = {
  mounted(element, { value: { close, keys = [] } }) {
    const before = document.activeElement;
    const release = holdKeys(Object.fromEntries(["Escape", ...keys].map((key) => [key, close])));
    element.tabIndex = -1;
    if (!element.contains(before)) element.focus({ preventScroll: true });
    open.set(element, { before, release });
    stack.push(element);
  },
  unmounted(element) {
    const { before, release } = open.get(element);
    release();
    stack.splice(stack.indexOf(element), 1);
    // Unless the dialog led somewhere that has taken the focus already.
    if (document.activeElement === document.body && before?.isConnected) before.focus({ preventScroll: true });
  },
};

// Tab goes round within the newest one: what is behind it cannot be seen.
document.addEventListener("focusin", ({ target }) => {
  const newest = stack.at(-1);
  if (newest && !newest.contains(target)) newest.focus({ preventScroll: true });
});
