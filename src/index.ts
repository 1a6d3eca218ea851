export type { Bridge } from "./bridge.ts";
export { createBridge } from "./bridge.ts";
export type { BridgeOptions } from "./config.ts";
export type { MessageContext, MessageHandler } from "./connections/client-message-router.ts";
export type { Connection } from "./connections/connection.ts";
export { ConnectionManager } from "./connections/connection-manager.ts";
export type { ConnectionManagerOptions, OpenOptions } from "./connections/options.ts";
export type { Transport } from "./connections/transport.ts";
export {
  BridgeClosedError,
  BullcastError,
  InvalidCursorError,
  InvalidHandlerError,
  InvalidMessageError,
  InvalidQueueError,
  InvalidSettingsError,
} from "./errors.ts";
export type { Authenticate, ConnectionSetting, Principal, QueueEventsLike } from "./handed-in.ts";
export type { BrowserFile, BrowserFiles } from "./http/browser-files.ts";
export type { WebSocketNotifierOptions } from "./notifier/web-socket-notifier.ts";
export { WebSocketNotifier } from "./notifier/web-socket-notifier.ts";
export type { Health, Stats } from "./protocol/admin.ts";
export type { MessageFields, MessageMeta } from "./protocol/message.ts";
export { WebSocketMessage } from "./protocol/message.ts";
export { AsyncWidget } from "./widgets/async-widget.ts";
export type { HtmlValue } from "./widgets/html.ts";
export { html, raw, SafeHtml } from "./widgets/html.ts";
export type { JobWidgetOptions } from "./widgets/job-widget.ts";
export { JobWidget } from "./widgets/job-widget.ts";
export type { TableColumn, TableWidgetOptions } from "./widgets/table-widget.ts";
export { TableWidget } from "./widgets/table-widget.ts";
export type { TemplateWidgetOptions } from "./widgets/template-widget.ts";
export { TemplateWidget } from "./widgets/template-widget.ts";
export type { AsyncWidgetOptions, Rendered, RenderFunction, Subwidget, WidgetHost } from "./widgets/widget-options.ts";
