import { useState } from "preact/hooks";
import type { ClientReport } from "../../../protocol/admin.ts";
import { connection } from "../../connection.ts";
import { Banner } from "../../parts/banner.tsx";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { showToast } from "../../parts/toasts.tsx";
import { RequestError } from "../../request-error.ts";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";

const NOT_FOUND = 404;

/** Asks whether a client is to be disconnected, and says what happens then. */
export function DisconnectDialog({ client, onClose }: { client: ClientReport; onClose: () => void }) {
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const texts = TEXTS.clients.dialog;
  const { client_id: id } = client;
  const leave = () => {
    onClose();
    // The row to which the focus went back is about to go.
    requestAnimationFrame(() => document.getElementById("main")?.focus());
  };
  const disconnect = async () => {
    setIsBusy(true);
    setFailure(null);
    try {
      await session.request(`/clients/${encodeURIComponent(id)}`, { method: "DELETE" });
      showToast("good", texts.done(id));
      leave();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      setIsBusy(false);
      if (error.status !== NOT_FOUND) return setFailure(error.message);
      showToast("good", texts.gone(id));
      leave();
    }
  };
  const actions = (
    <>
      <Button onClick={onClose}>{TEXTS.parts.cancel}</Button>
      <Button kind="danger" disabled={isBusy} onClick={disconnect}>
        {texts.submit}
      </Button>
    </>
  );
  return (
    <Dialog title={texts.title(id)} onClose={onClose} actions={actions}>
      {client.principal !== null && <p>{texts.principal(client.principal)}</p>}
      <p>{texts.code}</p>
      <p>{texts.after}</p>
      {connection.clientId.value === id && <Banner tone="warn">{texts.own}</Banner>}
      {failure !== null && <Banner tone="bad">{failure}</Banner>}
    </Dialog>
  );
}
