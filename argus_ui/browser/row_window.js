// Long tables of rows of equal height: only those in and around the window are drawn.
import { computed, onBeforeUnmount, onMounted, reactive, watch } from "vue";

// Rows beyond each edge, and the step by which the drawn part moves: scrolling draws a few at a time, not each anew.
const AROUND = 6;
// Before anything has been measured: what a screen shows below the head of a view.
const TO_BEGIN_WITH = 12;

/**
 * The part to draw. `box` is a ref of the element around the rows, `count` and `height` functions: how many rows, and the
 * pixels of one. Returns computed `first` and `last` (exclusive), the `padding` that stands for the others, and `scrollTo`.
 */
export function useRowWindow(box, count, height) {
  const part = reactive({ first: 0, last: TO_BEGIN_WITH });
  const look = () => {
    if (!box.value) return;
    const { top } = box.value.getBoundingClientRect();
    const above = Math.floor(-top / height() / AROUND) - 1;
    const below = Math.ceil((window.innerHeight - top) / height() / AROUND) + 1;
    part.first = Math.max(0, above * AROUND);
    part.last = Math.max(AROUND, below * AROUND);
  };
  const last = computed(() => Math.min(count(), part.last));
  const first = computed(() => Math.max(0, Math.min(part.first, last.value - AROUND)));
  const padding = computed(() => ({
    paddingTop: `${first.value * height()}px`,
    paddingBottom: `${(count() - last.value) * height()}px`,
  }));
  /** Brings a row into sight, below whatever covers the upper `covered` pixels of the window. */
  const scrollTo = (row, covered) => {
    const top = box.value.getBoundingClientRect().top + row * height();
    if (top < covered || top + height() > window.innerHeight)
      window.scrollBy(0, top - (window.innerHeight + covered) / 2);
  };
  onMounted(() => {
    // What is in sight first, what is around it later.
    requestAnimationFrame(() => setTimeout(look));
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
  });
  onBeforeUnmount(() => {
    window.removeEventListener("scroll", look);
    window.removeEventListener("resize", look);
  });
  watch([count, height], look, { flush: "post" });
  return { first, last, padding, scrollTo };
}
