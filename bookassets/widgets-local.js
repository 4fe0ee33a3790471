// Lets live widgets work on a static page, over http and from file://, with nothing from a CDN.
(function () {
  // Where require.js finds the vendored widget modules.
  var here = document.currentScript.src.replace(/[^/]*$/, "");
  window.requirejs.config({
    paths: {
      anywidget: here + "vendor/anywidget/index",
      "@jupyter-widgets/html-manager/dist": here + "vendor/html-manager",
    },
  });

  // The widget manager asks for MathJax 2's queue; the page has MathJax 3.
  var hub = {
    Queue: function (job) {
      if (window.MathJax.typesetPromise) window.MathJax.typesetPromise([job[2]]);
    },
  };
  var config = (window.MathJax = window.MathJax || {});
  config.Hub = hub;
  config.startup = {
    ready: function () {
      window.MathJax.startup.defaultReady();
      window.MathJax.Hub = hub;
    },
  };
})();
