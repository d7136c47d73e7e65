/**
 * The device that Pacemaker itself has where stonith-watchdog-timeout is set: a fencing level may name it without a
 * resource of that id (include/crm/fencing/internal.h `STONITH_WATCHDOG_ID`, daemons/fenced `watchdog_device_update`).
 */
export const WATCHDOG_DEVICE = 'watchdog';
