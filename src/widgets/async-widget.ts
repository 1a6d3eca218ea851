import { randomBytes } from "node:crypto";
import type { SafeHtml } from "./html.ts";
import { html, toHtml } from "./html.ts";
import { loadingBlock } from "./loading-block.ts";
import type { PartResult, Rendering } from "./rendering.ts";
import type { AsyncWidgetOptions, AsyncWidgetSettings, Rendered, Subwidget } from "./widget-options.ts";
import { isRendered, notRendered, parseWidgetOptions } from "./widget-options.ts";

/**
 * A part of a page that takes its time. `render()` answers placeholders at once; what belongs in them is made in the
 * background and sent to the page over its WebSocket when it is ready, and kept for a page that comes late.
 */
export class AsyncWidget {
  readonly #settings: AsyncWidgetSettings;

  /** @throws {InvalidSettingsError} listing every option that cannot be used. */
  constructor(options: AsyncWidgetOptions) {
    this.#settings = parseWidgetOptions(options);
  }

  /**
   * Starts the subwidgets and answers the HTML to put into the page now: one `<bullcast-widget>` for each. Every call is
   * a rendering of its own, for one page.
   *
   * @throws {BridgeClosedError} when the bridge is closed.
   */
  render(): SafeHtml {
    const { bridge, subwidgets, ttlSeconds } = this.#settings;
    const rendering = bridge.widgets.open(subwidgets.length, ttlSeconds * 1000);
    // Not in this turn: the page goes out before a subwidget that computes gets hold of the process.
    setImmediate(() => void this.#renderAll(rendering));
    return html`${subwidgets.map((_, part) => this.#placeholder(rendering.id, part))}`;
  }

  #placeholder(id: string, part: number): SafeHtml {
    const { bridge, subwidgets, placeholder } = this.#settings;
    const href = `${bridge.basePath}/widgets/${id}/${part}`;
    return html`<bullcast-widget widget="${id}" part="${part}">${loadingBlock(placeholder)}<noscript><a href="${href}">Show part ${part + 1} of ${subwidgets.length}</a></noscript></bullcast-widget>`;
  }

  async #renderAll(rendering: Rendering): Promise<void> {
    const { subwidgets, concurrency } = this.#settings;
    // Shared, so that whoever is free takes the next.
    const waiting = subwidgets.entries();
    const takeNext = async () => {
      for (const [part, subwidget] of waiting) {
        if (rendering.signal.aborted) return;
        // What has nothing to do with the subwidget, such as a message that cannot be sent, must not end the process.
        await this.#renderPart(rendering, part, subwidget).catch((error: unknown) => {
          this.#settings.bridge.widgets.logger.error({ err: error, part }, "a part of a widget could not be kept");
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, subwidgets.length) }, takeNext));
  }

  async #renderPart(rendering: Rendering, part: number, subwidget: Subwidget): Promise<void> {
    const { widgets } = this.#settings.bridge;
    let result: PartResult;
    try {
      result = { state: "ready", html: toHtml(await this.#inTime(rendering, subwidget)) };
      const bytes = Buffer.byteLength(JSON.stringify(result.html));
      if (bytes > widgets.maxPartBytes) {
        throw new RangeError(`the HTML of a part holds at most ${widgets.maxPartBytes} bytes as JSON, given ${bytes}`);
      }
    } catch (error) {
      // Nobody is there to be shown an error.
      if (rendering.signal.aborted) return;
      const errorId = randomBytes(6).toString("hex");
      widgets.logger.error({ err: error, errorId, part }, "a subwidget failed; its place shows the error's id");
      result = { state: "error", html: errorBlock(errorId) };
    }
    widgets.keep(rendering, part, result);
  }

  /** What a subwidget answers; rejects, and aborts its signal, when it fails, takes too long or is not needed any more. */
  async #inTime(rendering: Rendering, subwidget: Subwidget): Promise<Rendered> {
    const { timeoutSeconds } = this.#settings;
    const controller = new AbortController();
    const { signal } = controller;
    const letGo = () => controller.abort(rendering.signal.reason);
    rendering.signal.addEventListener("abort", letGo);
    const timer = setTimeout(() => {
      controller.abort(new DOMException(`a subwidget took longer than ${timeoutSeconds} seconds`, "TimeoutError"));
    }, timeoutSeconds * 1000);
    try {
      const given = await Promise.race([rendered(subwidget, signal), aborted(signal)]);
      if (!isRendered(given)) throw notRendered(given);
      return given;
    } catch (error) {
      // What it has begun beside what failed is of no use any more.
      controller.abort(error);
      throw error;
    } finally {
      clearTimeout(timer);
      rendering.signal.removeEventListener("abort", letGo);
    }
  }
}

async function rendered(subwidget: Subwidget, signal: AbortSignal): Promise<Rendered> {
  return typeof subwidget === "function" ? subwidget(signal) : subwidget.render(signal);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function errorBlock(errorId: string): string {
  return html`<p class="bullcast-error" role="alert">This part could not be loaded. <small>Error <code>${errorId}</code></small></p>`.toString();
}
