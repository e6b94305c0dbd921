// German. The same keys as in en.js, which a test compares.

export const words = {
  // --- the frame of the page

  // --- add a class

  // --- classify images

  // --- things it knows

  // --- settings, history, galleries
};
