// Tells require.js where the vendored widget modules live, so that live widgets work from a static
// page, over http and from file://, and nothing is fetched from a CDN.
(function () {
  var here = document.currentScript.src.replace(/[^/]*$/, "");
  window.requirejs.config({
    paths: {
      anywidget: here + "vendor/anywidget/index",
      "@jupyter-widgets/html-manager/dist": here + "vendor/html-manager",
    },
  });
})();
