import { makeElement } from "./make-element.ts";
import type { PageConnection, PartContent } from "./page-connection.ts";

/**
 * Makes the class of `<bullcast-widget widget="<id>" part="<number>">`: the place of one part of a widget, which is
 * filled when its HTML comes. Its attribute `state` is then `ready`, `error` or `expired`, and it is filled no more. A
 * `bullcast:shown` event that bubbles says so.
 */
export function makeWidgetElement(connection: PageConnection): CustomElementConstructor {
  return class extends HTMLElement {
    static readonly observedAttributes = ["widget", "part", "state"];
    #stop: (() => void) | null = null;

    connectedCallback(): void {
      // One that comes back from a page cache is filled already.
      if (this.hasAttribute("state") || this.#stop) return;
      // Its attributes may come one by one.
      if (!this.hasAttribute("widget") || !this.hasAttribute("part")) return;
      const [id, part] = [this.getAttribute("widget") ?? "", Number(this.getAttribute("part"))];
      const stop = connection.watchPart(id, part, (content) =>
        this.#whenParsed(() => {
          // Only once, and not where another rendering has taken the place meanwhile.
          if (this.#stop !== stop) return;
          this.disconnectedCallback();
          this.#show(content);
        }),
      );
      this.#stop = stop;
    }

    disconnectedCallback(): void {
      this.#stop?.();
      this.#stop = null;
    }

    /** Another rendering takes the place, or it is to be filled again, as where a page is morphed. */
    attributeChangedCallback(name: string, before: string | null, after: string | null): void {
      if (before === after) return;
      // At its upgrade it is told of what it has already.
      if (before !== null && name !== "state") {
        this.disconnectedCallback();
        this.removeAttribute("state");
      }
      if (this.isConnected) this.connectedCallback();
    }

    /** What the parser has still to put into the element would stand below what it is filled with. */
    #whenParsed(show: () => void): void {
      if (this.nextSibling || document.readyState !== "loading") return show();
      document.addEventListener("DOMContentLoaded", show, { once: true });
    }

    #show(content: PartContent): void {
      if (content.state === "ready" || content.state === "error") {
        // The server's own HTML, in which every value was escaped.
        this.innerHTML = content.html;
        this.setAttribute("state", content.state);
      } else {
        const isExpired = content.state === "expired";
        this.replaceChildren(lostBlock(isExpired ? "This part is not kept any more." : "This part cannot be loaded."));
        this.setAttribute("state", isExpired ? "expired" : "error");
      }
      this.dispatchEvent(new CustomEvent("bullcast:shown", { bubbles: true }));
    }
  };
}

function lostBlock(text: string): HTMLElement {
  const block = makeElement("p", "bullcast-expired", `${text} `);
  block.setAttribute("role", "status");
  const button = makeElement("button", "", "Load the page again");
  button.type = "button";
  button.addEventListener("click", () => location.reload());
  block.append(button);
  return block;
}
