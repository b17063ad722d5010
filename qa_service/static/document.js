// @ts-check
/** The document page: brings the cited passage into view where the address does not name it. */

if (!location.hash) document.getElementById("cited")?.scrollIntoView({ block: "center" });
