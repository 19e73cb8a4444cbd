// What both widgets hear of their kernel.

export const KERNEL_GONE =
  "The kernel was restarted or has stopped. Run the notebook's cells again from the top; this widget is no longer connected.";

/** Call handlers, by event name, on what a widget's model says. Returns a function that stops it. */
export function listenTo(model, handlers) {
  for (const [name, handler] of Object.entries(handlers)) model.on(name, handler);
  return () => {
    for (const [name, handler] of Object.entries(handlers)) model.off(name, handler);
  };
}

/** Whether the kernel that made the widget is still there; `onLost` is called once, when it has ended. */
export function makeConnection(model, onLost) {
  let lost = false;
  const close = listenTo(model, {
    comm_live_update() {
      if (lost) return;
      lost = true;
      onLost();
    },
  });
  return {
    get lost() {
      return lost;
    },
    close,
  };
}
