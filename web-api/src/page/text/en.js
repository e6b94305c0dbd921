// English. `{name}` is replaced; a text that depends on a number has an entry for each plural category.

export const words = {
  // --- the frame of the page

  // --- add a class

  // --- classify images

  // --- things it knows

  // --- settings, history, galleries
};
