/** Where the dashboard lies, as the page's `<base>` says: `https://host/ws/dashboard/`. */
export const DASHBOARD_URL = new URL(document.baseURI);

/** Where the bridge lies, REST and WebSocket alike: `https://host/ws`. */
export const BRIDGE_URL = new URL("..", DASHBOARD_URL).href.replace(/\/$/, "");
