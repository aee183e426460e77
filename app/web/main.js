// Starts the page.

import { fitPage } from "./fit_page.js";
import { fitsPage } from "./fits_page.js";
import * as login from "./login.js";
import { modelPage } from "./model_page.js";
import { modelsPage } from "./models_page.js";
import { reload, start } from "./router.js";

login.install(reload);
start([
  [/^\/$/, modelsPage],
  [/^\/models\/([^/]+)$/, modelPage],
  [/^\/fits$/, fitsPage],
  [/^\/fits\/([^/]+)$/, fitPage],
]);
