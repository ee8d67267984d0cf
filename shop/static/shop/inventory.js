// The grid of stocks: keys that move between rows, and the result of what is typed. It works without this script.
"use strict";
{
    const TYPED = /^([+\-−–]?)\s*(\d{1,7})$/;
    const form = document.getElementById("inventory");
    const cells = [...form.querySelectorAll(".shop-new-stock")];
    const changes = document.getElementById("inventory-changes");
    let isSaving = false;

    // Undefined for what is not a number.
    const resultOf = ({ value, dataset }) => {
        const typed = TYPED.exec(value.trim());
        if (!typed) {
            return undefined;
        }
        const [, sign, amount] = typed;
        const stock = Number(dataset.stock);
        return sign ? stock + (sign === "+" ? 1 : -1) * Number(amount) : Number(amount);
    };

    const typedIn = () => cells.filter(({ value }) => value.trim());

    const show = (cell) => {
        const result = resultOf(cell);
        const isChange = result !== undefined && result !== Number(cell.dataset.stock);
        cell.parentElement.querySelector("output").textContent = isChange ? `${cell.dataset.stock} → ${result}` : "";
        cell.classList.toggle("shop-invalid", Boolean(cell.value.trim()) && result === undefined);
    };

    const count = () => {
        const number = typedIn().length;
        changes.textContent = number ? `${number} ${number === 1 ? "change" : "changes"}` : "";
    };

    const goTo = (cell) => {
        if (cell) {
            cell.focus();
            cell.select();
        }
        return Boolean(cell);
    };

    form.addEventListener("input", ({ target }) => {
        if (cells.includes(target)) {
            show(target);
            count();
        }
    });

    form.addEventListener("keydown", (event) => {
        const at = cells.indexOf(event.target);
        if (event.isComposing) {
            return;
        }
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            form.requestSubmit();
        } else if (at >= 0 && (event.key === "Enter" || event.key === "ArrowDown")) {
            event.preventDefault();
            goTo(cells[at + 1]) || form.elements.note.focus();
        } else if (at > 0 && event.key === "ArrowUp") {
            event.preventDefault();
            goTo(cells[at - 1]);
        } else if (at >= 0 && event.key === "Escape" && event.target.value) {
            event.target.value = "";
            show(event.target);
            count();
        }
    });

    form.addEventListener("submit", () => {
        isSaving = true;
    });
    window.addEventListener("pageshow", () => {
        isSaving = false;
        cells.forEach(show);
        count();
        goTo(form.querySelector("[aria-invalid]"));
    });
    window.addEventListener("beforeunload", (event) => {
        if (!isSaving && typedIn().length) {
            event.preventDefault();
        }
    });
}
