/* What grappelli's templates start in inline scripts: on each page, what it has of it. */
"use strict";
(($) => {
  $(() => {
    grappelli.initFilter();
    $("main .grp-group").grp_collapsible_group();
    $("main .grp-collapse").grp_collapsible({
      on_init: (element) => {
        if (element.find("ul.errorlist").length) {
          element.add(element.parents(".grp-collapse")).removeClass("grp-closed").addClass("grp-open");
        }
      },
    });
    $(".add-another").on("click", function (event) {
      event.preventDefault();
      showAddAnotherPopup(this);
    });
    $(".related-lookup").on("click", function (event) {
      event.preventDefault();
      showRelatedObjectLookupPopup(this);
    });
    // Of import-export, whose own template names the function in the checkbox.
    $("#select-all-toggle").on("change", (event) => onSelectToggleChange(event));
    $("form[data-focus-first] :input:visible:enabled").first().trigger("focus");

    // The fields of Select2 take the name of the field that they stand for. They are made right after this.
    setTimeout(() => {
      $("select.select2-hidden-accessible").each(function () {
        const name = this.labels[0]?.textContent.trim();
        const shown = $(this).next(".select2-container").find("[role=combobox], [role=textbox]");
        if (name) shown.removeAttr("aria-labelledby").attr("aria-label", `${name} ${shown.last().text()}`.trim());
      });
    });
  });
})(grp.jQuery);
