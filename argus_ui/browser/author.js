// Who somebody says they are, when the dashboard does not know: asked for once per browser.

import { page } from "argus/api.js";
import { ref } from "vue";

const KEY = "argus-author";

/** Whether whoever is logged in is known by name; then nobody has to be asked. */
export const isKnown = Boolean(page.user);

export const author = ref(page.user || recall());

export function rememberAuthor() {
  try {
    localStorage.setItem(KEY, author.value.trim());
  } catch {
    // It is asked for again next time.
  }
}

function recall() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}
