// Lists that are sorted by dragging or by number; see sorted_products.html.
"use strict";
{
    const rowsOf = (list) => [...list.querySelectorAll(":scope > li[data-id]")];

    const submitOrder = (list) => {
        const rows = rowsOf(list);
        rows.forEach((row, number) => (row.querySelector("input").value = number + 1));
        const field = document.querySelector(`input[type=hidden][name="${list.dataset.sorts}"]`);
        field.value = rows.map((row) => row.dataset.id).join(",");
        // unfold warns of unsaved changes after an input event.
        field.dispatchEvent(new Event("input", { bubbles: true }));
    };

    const moveTo = (list, row, position) => {
        const others = rowsOf(list).filter((each) => each !== row);
        const next = others[Math.max(1, position) - 1];
        next ? next.before(row) : list.append(row);
        submitOrder(list);
    };

    const makeSortable = (list) => {
        let dragged = null;
        list.addEventListener("change", (event) => {
            moveTo(list, event.target.closest("li"), Number(event.target.value) || 1);
            event.target.focus();
        });
        // Enter sorts instead of saving the page.
        list.addEventListener("keydown", (event) => {
            if (event.key === "Enter" && event.target.matches("input")) {
                event.preventDefault();
                event.target.dispatchEvent(new Event("change", { bubbles: true }));
            }
        });
        list.addEventListener("click", (event) => {
            if (event.target.closest("button")) {
                event.target.closest("li").remove();
                submitOrder(list);
            }
        });
        list.addEventListener("dragstart", (event) => (dragged = event.target.closest("li")));
        list.addEventListener("dragover", (event) => {
            const row = event.target.closest("li[data-id]");
            if (dragged && row && row !== dragged) {
                event.preventDefault();
                const { top, height } = row.getBoundingClientRect();
                event.clientY < top + height / 2 ? row.before(dragged) : row.after(dragged);
            }
        });
        list.addEventListener("dragend", () => {
            dragged = null;
            submitOrder(list);
        });
    };

    window.addEventListener("load", () => document.querySelectorAll(".shop-sorted").forEach(makeSortable));
}
