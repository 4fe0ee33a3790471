// Excerpts on the search page are prose: without code, its output, and the TeX of formulas.
document.addEventListener("DOMContentLoaded", function () {
  "use strict";
  var plain = Search.htmlToText; // Sphinx's searchtools.js
  Search.htmlToText = function (html, anchor) {
    var page = new DOMParser().parseFromString(html, "text/html");
    var skipped = ".cell_input, .cell_output, .math, .highlight, details > summary, .headerlink";
    page.querySelectorAll(skipped).forEach(function (part) {
      part.replaceWith(" … ");
    });
    var text = plain(page.documentElement.outerHTML, anchor);
    return text.replace(/\s+/g, " ").replace(/(?: … ?)+/g, " … ");
  };
});
