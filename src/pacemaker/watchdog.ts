/**
 * The device that Pacemaker itself has where stonith-watchdog-timeout is set: a fencing level may name it without a
 * resource of that id (include/crm/fencing/internal.h `STONITH_WATCHDOG_ID`, daemons/fenced/fenced_cib.c).
 */
export const WATCHDOG_DEVICE = 'watchdog';
