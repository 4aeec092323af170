import { hear, watchSocket } from "argus/feed.js";

export default {
  template: "<span hidden></span>",
  mounted() {
    watchSocket();
  },
  methods: {
    tell: hear,
  },
};
