// In the dialog of a refund, chosen units and shipping show their sum as the amount.
"use strict";
{
    // As `orders.amounts.amount_of_next`, in smallest steps of the currency.
    const stepsOf = ({ value, dataset }) => {
        const [paid, ordered, refunded, before] = [
            dataset.paid,
            dataset.ordered,
            dataset.refunded,
            dataset.refundedUnits,
        ].map(Number);
        const units = before + Math.min(Number(value) || 0, ordered - before);
        if (units === before) {
            return 0;
        }
        return units === ordered
            ? paid - refunded
            : Math.max(Math.floor((2 * paid * units + ordered) / (2 * ordered)) - refunded, 0);
    };

    const preview = (form) => {
        const amount = form.querySelector("[name=amount]");
        const units = [...form.querySelectorAll("[data-paid]")];
        const whole = [...form.querySelectorAll("[data-whole]:checked")];
        const isByLine = whole.length > 0 || units.some(({ value }) => Number(value) > 0);
        if (isByLine) {
            amount.dataset.typed ??= amount.value;
            const steps =
                units.map(stepsOf).reduce((sum, each) => sum + each, 0) +
                whole.reduce((sum, { dataset }) => sum + Number(dataset.whole), 0);
            amount.value = (steps * Number(amount.dataset.step)).toFixed(Number(amount.dataset.places));
        } else if (amount.dataset.typed !== undefined) {
            amount.value = amount.dataset.typed;
            delete amount.dataset.typed;
        }
        amount.readOnly = isByLine;
    };

    document.addEventListener("input", ({ target }) => {
        if (target.matches("#dialog [data-paid], #dialog [data-whole]")) {
            preview(target.closest("form"));
        }
    });
}
