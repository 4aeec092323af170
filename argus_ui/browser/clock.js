// The present second, for ages that grow between two updates. Stands still while nobody looks.
import { ref } from "vue";

/** Milliseconds since 1970, renewed every second. */
export const now = ref(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);
