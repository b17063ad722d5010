// @ts-check
/** After a sign-out: what was asked in this browser's tabs is not there for whoever signs in next. */

import { forget, signedOut } from "./history.js";

forget();
signedOut();
