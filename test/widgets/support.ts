import type { SafeHtml } from "../../src/index.ts";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";

/** The id of a rendering, as its placeholders have it. */
export function idOf(placeholder: SafeHtml): string {
  const id = /<bullcast-widget widget="([^"]+)"/.exec(String(placeholder))?.[1];
  if (!id) throw new Error(`there is no placeholder in ${placeholder}`);
  return id;
}

/** Connects, and subscribes to a rendering; resolves when that is answered. */
export async function openWidgetViewer(wsUrl: string, id: string): Promise<Viewer> {
  const viewer = await Viewer.open(`${wsUrl}?watch=none`);
  viewer.send({ type: "subscribe", content: { topics: [`widget:${id}`] } });
  await viewer.next("subscribed");
  return viewer;
}

/** What a viewer was told of parts, in the order it came. */
export function partsOf(viewer: Viewer): ReceivedMessage["content"][] {
  return viewer.messages.filter(({ type }) => type === "widget").map(({ content }) => content);
}
