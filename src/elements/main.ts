// The script of pages with widgets: defines the elements. A classic script, so that it knows where it was loaded from.
import { makeJobElement } from "./job-element.ts";
import { PageConnection } from "./page-connection.ts";
import { makeWidgetElement } from "./widget-element.ts";

const script = document.currentScript;
const source = script instanceof HTMLScriptElement ? script.src : "";

// A page that exchanges its head may load the script again.
if (!customElements.get("bullcast-widget")) {
  // Served by the bridge itself, the script lies where its sockets are.
  const connection = new PageConnection(source.replace(/\/[^/]*$/, ""));
  customElements.define("bullcast-widget", makeWidgetElement(connection));
  customElements.define("bullcast-job", makeJobElement(connection));
}
