// @ts-check
/** After a sign-out: what was asked in this tab is not there for whoever signs in next. */

import { forget } from "./history.js";

forget();
