import { route } from "argus/navigation.js";

export default {
  props: { path: String },
  inheritAttrs: false,
  setup: () => ({ route }),
  template: '<slot v-if="route.path === path"></slot>',
};
