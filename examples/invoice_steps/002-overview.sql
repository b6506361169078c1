-- Totals are computed when they are looked at, each line in whole cents, so that none is ever out of date.
CREATE VIEW IF NOT EXISTS overview AS
    SELECT invoice.*, name, printf('%.2f', coalesce((
        SELECT sum(CAST(round(quantity * 100) * round(price * 100) + 50 AS INTEGER) / 100) FROM line
        WHERE line.invoice = invoice.invoice), 0) / 100.0) AS total
    FROM invoice JOIN customer USING (customer) ORDER BY date DESC, invoice DESC;
