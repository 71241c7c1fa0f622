package dev.grange.cli.farm;

/**
 * One server-sent event.
 *
 * @param id what to send as {@code Last-Event-ID} to go on behind this event; empty when there is
 *     none
 * @param type {@code message} unless the server named another
 */
public record ServerEvent(String id, String type, String data) {}
