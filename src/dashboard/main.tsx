import { render } from "preact";
import { App } from "./app.tsx";
import { session } from "./session.ts";
import "./theme.ts";

/*
 * How a page gets its data: it is drawn while `session.state` is `open`, asks REST by `session.request("/queues")`, says
 * by `connection.watch(["queue:emails"])` which topics it needs, and hears them at `connection.client`. Of the bridge
 * itself `bridgeStats` knows the newest and the last 15 minutes. Where it is, with its filters, is `route` and `query`
 * of the router. Nothing asks again by itself: what changes comes by the connection.
 */
const place = document.getElementById("app");
if (place) render(<App />, place);
void session.ask();
