// Dark or light: a person's own choice, else the browser's. The page's head has set it before the first paint.
import { ref } from "vue";

const root = document.documentElement;

export const dark = ref(root.dataset.theme === "dark");

export function setDark(value) {
  dark.value = value;
  root.dataset.theme = value ? "dark" : "light";
  window.Quasar.Dark.set(value);
  try {
    localStorage.setItem("argus-theme", root.dataset.theme);
  } catch {
    // A browser that keeps nothing forgets the choice with the page.
  }
}
