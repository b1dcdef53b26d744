// An account that is chosen in a filter takes effect at once.
"use strict";
(function ($) {
  $(function () {
    $("select[data-submits]").on("change", function () {
      this.form.submit();
    });
  });
})(django.jQuery);
