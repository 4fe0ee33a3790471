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

  // A slider's handle says to screen readers what its label and its readout say to the eye.
  function tell(event) {
    var handle = event.target;
    if (!handle.classList || !handle.classList.contains("noUi-handle")) return;
    var box = handle.closest(".widget-inline-hbox");
    if (!box) return;
    handle.setAttribute("aria-label", box.querySelector(".widget-label").textContent);
    handle.setAttribute("aria-valuetext", box.querySelector(".widget-readout").textContent);
  }
  document.addEventListener("focusin", tell);
  document.addEventListener("keyup", tell);
})();
