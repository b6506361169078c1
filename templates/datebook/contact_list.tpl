<loop>
<table>
<caption>{pages.first:num} to {pages.last:num} of {pages.total:num}<?if q?> with “<span dir="auto">{q}</span>”<?end?></caption>
<thead><tr>
<th scope="col">Name</th>
<th scope="col">Phone</th>
<th scope="col">E-mail</th>
<?if form?><th scope="col">Choose</th><?end?>
</tr></thead>
<tbody>
<?begin?>
<tr>
<th scope="row"><a href="/contact/{contact}" dir="auto">{name}</a></th>
<td class="tight">{phone}</td>
<td dir="auto">{email}</td>
<?if form?><td class="tight"><a href="{form}?draft={draft}&amp;contact={contact}" aria-label="Choose {name}">Choose</a></td><?end?>
</tr>
<?end?>
</tbody>
</table>
<?else?>
<?if q?><p>Nobody is found with “<span dir="auto">{q}</span>”.</p><?else?><p>There are no contacts yet.</p><?end?>
</loop>
