"""Vue components as NiceGUI elements, one `.py` and one `.js` each."""
