/** Every text of the dashboard, by page. */
export const TEXTS = {
  app: {
    name: "bullcast",
    pages: {
      overview: "Overview",
      jobs: "Jobs",
      clients: "Clients",
      messages: "Messages",
      job: "Job",
      unknown: "Not found",
    },
    navigation: "Pages",
    skip: "Skip to content",
    theme: { label: "Theme", system: "System theme", light: "Light theme", dark: "Dark theme" },
    signOut: "Sign out",
    connection: {
      idle: "Connecting",
      connecting: "Connecting",
      open: "Live",
      waiting: "Reconnecting",
      closed: "Disconnected",
    },
    readOnly: "Read-only",
    readOnlyHint: "The bridge takes no orders: it was started with readOnly.",
    insecure:
      "Insecure mode: everybody who reaches this address sees all jobs and may act on viewers. Set an admin token to change that.",
    reconnecting: "No connection to the bridge. What you see is the last known state; this page reconnects by itself.",
    disconnected: (reason: string) => `The bridge closed this page's connection: ${reason}`,
    reconnect: "Connect again",
    notFound: {
      title: "There is no such page",
      text: "The address may be mistyped, or the link may be old.",
      action: "Go to the overview",
    },
  },
  session: {
    asking: "Asking the bridge",
    login: {
      title: "Sign in",
      text: "This bridge is protected by its admin token.",
      label: "Admin token",
      submit: "Sign in",
      submitting: "Signing in",
      kept: "Kept for this tab only.",
      refused: "This is not the admin token of this bridge.",
      empty: "Enter the admin token.",
    },
    refused: { title: "Not allowed here", text: "The bridge does not serve this request:" },
    unreachable: { title: "The bridge does not answer", action: "Try again" },
  },
  parts: {
    copy: "Copy",
    copied: "Copied",
    copyFailed: "The browser did not allow to copy.",
    close: "Close",
    cancel: "Cancel",
    dismiss: "Dismiss",
    loading: "Loading",
    none: "–",
    jsonMore: (count: number) => `… ${count} more`,
    states: {
      waiting: "waiting",
      active: "active",
      delayed: "delayed",
      prioritized: "prioritized",
      "waiting-children": "waits for children",
      paused: "paused",
      completed: "completed",
      failed: "failed",
      unknown: "unknown",
    },
  },
  overview: {
    title: "Overview",
  },
  jobs: {
    title: "Jobs",
  },
  job: {
    title: "Job",
  },
  clients: {
    title: "Clients",
  },
  messages: {
    title: "Messages",
  },
} as const;
