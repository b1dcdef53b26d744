/* What grappelli's scripts expect in global variables, from this element's data: an inline script may not run. */
"use strict";
var grappelli = {};
var { adminUrl: ADMIN_URL, dateFormat: DATE_FORMAT, timeFormat: TIME_FORMAT, datetimeFormat: DATETIME_FORMAT } =
  document.currentScript.dataset;
var MODEL_URL_ARRAY = []; // of grappelli's lookups, which this site does not offer
window.__admin_media_prefix__ = document.currentScript.dataset.mediaUrl;
window.__admin_utc_offset__ = document.currentScript.dataset.utcOffset;
